"""Whether requests keep to their limits, field by field; nothing here looks at a dataset."""
