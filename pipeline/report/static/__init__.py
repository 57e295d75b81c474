"""The page of the contact sheet, as it is copied beside its content."""
