"""The commands that train and judge models, and manage versions."""
