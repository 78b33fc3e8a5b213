"""The side of Azure ML v2: resources of Resource Manager, and the hosts of online endpoints."""
