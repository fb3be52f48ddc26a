"""The deployment on AWS, as constructs that say what they are; `app.py` puts them together."""
