"""What is asked for: stages, recipes, designs and the catalogue as frozen data. No torch."""
