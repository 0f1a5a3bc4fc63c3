"""Networks: their options, layers, weights, and inference."""
