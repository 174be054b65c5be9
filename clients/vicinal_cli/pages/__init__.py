"""What all pages share that commands write: one HTML file each, which loads nothing."""
