"""Plain figures to pictures, page and card; needs no model."""
