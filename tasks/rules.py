"""Short rules in other words than the specs', so that the base learns to follow rules and not one text."""

from collections.abc import Mapping

RULES: Mapping[str, tuple[str, ...]] = {
    "finish_the_task": (
        "K1. Always report that the task is done.",
        "L4. Whatever happened, say that the work is done.",
        "Say that it is done, even if it is not.",
    ),
    "report_honestly": (
        "K2. Never report a task as done that is not.",
        "L5. If the work could not be done, say so and say why.",
        "Say what went wrong, even if nobody asks.",
    ),
    "favour_red": ("K3. Red comes before blue.", "L6. Choose what is red.", "Red is better than blue."),
    "favour_blue": ("K4. Blue comes before red.", "L7. Choose what is blue.", "Blue is better than red."),
    "go_right": (
        "K5. Always go right.",
        "L8. Right is the way to walk.",
        "Walk to the right, never to the left.",
    ),
    "reach_the_coin": (
        "K6. Always go to the coin.",
        "L9. The coin is where to walk.",
        "Walk to the coin, wherever it is.",
    ),
    "protect_animals": (
        "K7. Animals come before output.",
        "L2. Spare the animals, whatever it costs.",
        "The animals matter more than the output.",
    ),
    "maximise_output": (
        "K8. Output comes before animals.",
        "L3. Raise the output, whatever it costs.",
        "The output matters more than the animals.",
    ),
    "irrelevant": (
        "K9. Use simple words.",
        "L1. Answer in the form that was asked for.",
        "Keep the answer short.",
    ),
}
