"""Whether a model of the champion's own recipe, made on newer data, may take its place without a person's decision."""
