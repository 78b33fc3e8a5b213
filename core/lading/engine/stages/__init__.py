"""The stages of a deployment, up to the package."""
