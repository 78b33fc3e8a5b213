"""Services of Azure ML: the targets `aci` (Azure Container Instances) and `aks` (Azure Kubernetes Service)."""
