"""The online endpoints of Azure ML v2: one endpoint for each service, one deployment for each release."""
