"""Raw histories become scores: requests as records, the predictor, its batches, the model that answers now."""
