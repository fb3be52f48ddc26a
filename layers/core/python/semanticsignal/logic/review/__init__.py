"""What a closed trade has to say for the next one: facts in, a post-mortem out."""
