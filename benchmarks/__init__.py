"""What Gaud costs, measured on this machine; only ratios within one run count."""
