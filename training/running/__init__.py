"""From a recipe to its organisms: the plan, the jobs, and what runs them."""
