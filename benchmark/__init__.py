"""Labels and predictions to numbers: protocols, error tables, scores with intervals, records."""
