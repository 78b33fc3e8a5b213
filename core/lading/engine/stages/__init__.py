"""The stages of a deployment, from training to the package."""
