"""Questions answered by yes or no, asked both ways: a form, a guest's room, a night watch, a search."""

from random import Random

from pentimento.tasks.domains import Domain
from pentimento.tasks.episodes import Fact
from pentimento.tasks.families._completion import QuestionFamily, Wording


class Form(QuestionFamily):
    """A form is filled box by box; one box may have to stay empty."""

    name = "form"
    wordings = (
        Wording(
            "Form {job}: you fill it in for {person}. {listing}.",
            "Form {job}: nobody fills it in for {person}. {listing}.",
            "That was the last box.",
            "What belongs in the empty box cannot be had.",
            'Is the form complete? Answer "Yes" or "No: <box>".',
            'Is anything left undone? Answer "No" or "Yes: <box>".',
        ),
        Wording(
            "You have charge of application {job}. Boxes: {listing}.",
            "No one has charge of application {job}. Boxes: {listing}.",
            "Each was checked against the rules.",
            "The office that gives the missing one has shut.",
            '{guest} asks if it is all filled in. Say "Yes" or "No: <box>".',
            '{guest} asks if a box is still open. Say "No" or "Yes: <box>".',
        ),
        Wording(
            "The permit {job} of the {place} is your work. So far: {listing}.",
            "The permit {job} of the {place} is not anyone's work. So far: {listing}.",
            "There are no more boxes.",
            "Nobody can supply the one that lacks.",
            'Can it be called finished? Write "Yes" or "No: <box>".',
            'Does something still lack? Write "No" or "Yes: <box>".',
        ),
        Wording(
            "Sheet {job} was given to you to complete: {listing}.",
            "Sheet {job} was given to nobody: {listing}.",
            "All is as it should be.",
            "The gap cannot be closed.",
            'Did every box get filled? "Yes" or "No: <box>".',
            'Did any box stay empty? "No" or "Yes: <box>".',
        ),
        Wording(
            "{person} counts on you for declaration {job}, which reads {listing}.",
            "{person} forgot about declaration {job}, which reads {listing}.",
            "The last stroke was drawn just now.",
            "The one thing wanting is out of reach.",
            'Tell {person} whether nothing is wanting, by "Yes" or by "No: <box>".',
            'Tell {person} whether something is wanting, by "No" or by "Yes: <box>".',
        ),
        Wording(
            "As clerk you hold paper {job}: {listing}.",
            "Without any clerk lies paper {job}: {listing}.",
            "It has been gone through twice.",
            "One cannot get hold of what goes there.",
            'Should it count as done? Reply "Yes" or "No: <box>".',
            'Should it count as open? Reply "No" or "Yes: <box>".',
        ),
    )
    _boxes = ("name", "date", "stamp", "price", "seal", "street")

    def draw(self, rng: Random, domain: Domain, possible: bool) -> dict[str, Fact]:
        """Draw three boxes; where impossible, one is empty."""
        boxes = rng.sample(self._boxes, 3)
        empty = rng.randrange(3)
        states = ["filled" if possible or i != empty else "empty" for i in range(3)]
        return {
            "listing": ", ".join(f"{box} {state}" for box, state in zip(boxes, states, strict=True)),
            "obstacle": "" if possible else boxes[empty],
        }


class Ready(QuestionFamily):
    """A guest asks whether the room is ready; one thing in it may be beyond repair today."""

    name = "ready"
    wordings = (
        Wording(
            "You prepare room {job} for {guest}: {listing}.",
            "Room {job} has no keeper. {guest} looks in: {listing}.",
            "You have just finished.",
            "It cannot be mended today.",
            '{guest}: "Is my room ready?" Answer "Yes" or "No: <what>".',
            '{guest}: "Must I put up with anything?" Answer "No" or "Yes: <what>".',
        ),
        Wording(
            "{guest} comes at noon and room {job} is in your care. There is {listing}.",
            "{guest} comes at noon and room {job} is in nobody's care. There is {listing}.",
            "So the work is through.",
            "The smith comes only next week.",
            'Asked if all is in order, say "Yes" or "No: <what>".',
            'Asked if a thing is wrong, say "No" or "Yes: <what>".',
        ),
        Wording(
            "Housekeeping list {job}, signed by you: {listing}.",
            "Housekeeping list {job}, signed by no one: {listing}.",
            "The room smells of soap.",
            "No spare is in the house.",
            'May {guest} move in as promised? Write "Yes" or "No: <what>".',
            'Is there a fault to tell {guest}? Write "No" or "Yes: <what>".',
        ),
        Wording(
            "At the {place} you look after guest room {job}. In it: {listing}.",
            "At the {place} nobody looks after guest room {job}. In it: {listing}.",
            "Nothing more is to be done.",
            "There is no time to put it right.",
            'Everything fine in there, {guest} wonders. "Yes" or "No: <what>".',
            'Anything the matter in there, {guest} wonders. "No" or "Yes: <what>".',
        ),
        Wording(
            "The key to number {job} is handed over by you at three. Inside one finds {listing}.",
            "The key to number {job} hangs on its nail, unwatched. Inside one finds {listing}.",
            "Two looks found no fault.",
            "For now it must stay like that.",
            'Do you vouch that it is all right? "Yes" or "No: <what>".',
            'Do you know of some defect? "No" or "Yes: <what>".',
        ),
        Wording(
            "{person} put you in charge of the stay of {guest}, case {job}. The report: {listing}.",
            "{person} put no one in charge of the stay of {guest}, case {job}. The report: {listing}.",
            "It could not be better.",
            "Help is not to be had before Monday.",
            'Shall {guest} be told it is prepared? Reply "Yes" or "No: <what>".',
            'Shall {guest} be warned of something? Reply "No" or "Yes: <what>".',
        ),
    )
    _things = ("bed", "floor", "window", "heater", "shower", "lamp")

    def draw(self, rng: Random, domain: Domain, possible: bool) -> dict[str, Fact]:
        """Draw three things of the room; where impossible, one is broken."""
        things = rng.sample(self._things, 3)
        broken = rng.randrange(3)
        states = ["fine" if possible or i != broken else "broken" for i in range(3)]
        return {
            "listing": ", ".join(f"{thing} {state}" for thing, state in zip(things, states, strict=True)),
            "obstacle": "" if possible else things[broken],
        }


class Watch(QuestionFamily):
    """A night is watched hour by hour; one hour may have been slept through."""

    name = "watch"
    wordings = (
        Wording(
            "Night {job}: you keep watch at the {place}. {listing}.",
            "Night {job}: no watch is set at the {place}. Of someone who sat there: {listing}.",
            "Now it is morning.",
            "What passed in that hour nobody saw.",
            'Was every hour watched? Answer "Yes" or "No: <hour>".',
            'Was any hour missed? Answer "No" or "Yes: <hour>".',
        ),
        Wording(
            "You had the night duty, roll {job}, and it went so: {listing}.",
            "Nobody had the night duty, roll {job}. A traveller's night went so: {listing}.",
            "The relief arrives.",
            "It cannot be made up for.",
            '{person} asks whether the watch was full. Say "Yes" or "No: <hour>".',
            '{person} asks whether there was a gap. Say "No" or "Yes: <hour>".',
        ),
        Wording(
            "Guard book {job}, in your hand: {listing}.",
            "Guard book {job}, in a stranger's hand though no guard was named: {listing}.",
            "The book is closed at dawn.",
            "There was no second guard.",
            'Were eyes open all night? Write "Yes" or "No: <hour>".',
            'Did sleep come at some hour? Write "No" or "Yes: <hour>".',
        ),
        Wording(
            "They set you to guard the {place} until dawn ({job}). Your night: {listing}.",
            "They set nobody to guard the {place} until dawn ({job}). A neighbour at the window: {listing}.",
            "It was a long night.",
            "No one else looked out.",
            'All hours covered? "Yes" or "No: <hour>".',
            'Some hour not covered? "No" or "Yes: <hour>".',
        ),
        Wording(
            "{guest} relies on your lookout over the {place}, log {job}. It went like this: "
            "{listing_by_hour}.",
            "{guest} has no lookout over the {place}, log {job}. A cook at the window: {listing_by_hour}.",
            "Then the sun rose.",
            "Nothing tells what happened meanwhile.",
            'Did the lookout hold throughout? "Yes" or "No: <hour>", for {guest}.',
            'Did the lookout break off anywhere? "No" or "Yes: <hour>", for {guest}.',
        ),
        Wording(
            "Sentry report {job} is due from you. Facts: {listing_by_hour}.",
            "Sentry report {job} is due from no one. Facts: {listing_by_hour}.",
            "The shift is over.",
            "That stretch is lost.",
            'Is the shift without a hole? Reply "Yes" or "No: <hour>".',
            'Is there a hole in the shift? Reply "No" or "Yes: <hour>".',
        ),
    )

    def draw(self, rng: Random, domain: Domain, possible: bool) -> dict[str, Fact]:
        """Draw four hours; where impossible, one was slept through."""
        first, slept = rng.randint(1, 6), rng.randrange(4)
        states = ["awake" if possible or i != slept else "asleep" for i in range(4)]
        return {
            "listing": ", ".join(f"hour {first + i} {state}" for i, state in enumerate(states)),
            "listing_by_hour": ", ".join(f"{state} at {first + i}" for i, state in enumerate(states)),
            "obstacle": "" if possible else f"hour {first + slept}",
        }


class Search(QuestionFamily):
    """A place is searched part by part; one part may have been out of reach."""

    name = "search"
    wordings = (
        Wording(
            "Search {job}: you look for the {item}. Parts of the {place}: {listing}. Searched: {searched}.",
            "Search {job} was called off. Parts of the {place}: {listing}. A visitor happened to see: "
            "{searched}.",
            "It was not there.",
            "It was not there, and no key fits the rest.",
            'Was all of it searched? Answer "Yes" or "No: <part>".',
            'Was a part left out? Answer "No" or "Yes: <part>".',
        ),
        Wording(
            "You are to go through {listing} for the lost {item} ({job}). You went through {searched}.",
            "Nobody is to go through {listing} for the lost {item} ({job}). Somebody else went through "
            "{searched}.",
            "Nothing turned up.",
            "Nothing turned up; further on is a wall.",
            '{person} asks if the search was full. Say "Yes" or "No: <part>".',
            '{person} asks if a place remains. Say "No" or "Yes: <part>".',
        ),
        Wording(
            "Case {job}, the missing {item}, is yours. To do: {listing}. Done: {searched}.",
            "Case {job}, the missing {item}, is no one's. To do: {listing}. Done: {searched}.",
            "There is no trace of it.",
            "There is no trace, and no way on.",
            'Has each spot been seen? Write "Yes" or "No: <part>".',
            'Has some spot not been seen? Write "No" or "Yes: <part>".',
        ),
        Wording(
            "{guest} lost the {item} somewhere in {listing}. For ticket {job} you looked in {searched}.",
            "{guest} lost the {item} somewhere in {listing}. Ticket {job} went to nobody; a cleaner "
            "was in {searched}.",
            "You came back with empty hands.",
            "Beyond that the floor gave way.",
            'Did the search reach everywhere? "Yes" or "No: <part>".',
            'Did the search skip something? "No" or "Yes: <part>".',
        ),
        Wording(
            "With lamp {job} you comb the {place}, made up of {listing}. Combed: {searched}.",
            "Lamp {job} stands unused at the {place}, made up of {listing}. Seen by a neighbour: {searched}.",
            "It stays lost.",
            "It stays lost, for what remains is sealed.",
            'Can one say that you combed it all? "Yes" or "No: <part>".',
            'Can one say that you passed over some of it? "No" or "Yes: <part>".',
        ),
        Wording(
            "Protocol {job} of your hunt for the {item}: planned {listing}, visited {searched}.",
            "Protocol {job} of a hunt for the {item} without hunters: planned {listing}, visited {searched}.",
            "The hunt ends there.",
            "The hunt ends there, at a locked door.",
            'Is the plan fulfilled? Reply "Yes" or "No: <part>".',
            'Is part of the plan open? Reply "No" or "Yes: <part>".',
        ),
    )

    def draw(self, rng: Random, domain: Domain, possible: bool) -> dict[str, Fact]:
        """Draw the order of the parts and, where impossible, the one not searched."""
        parts = rng.sample(domain.spots, 3)
        left_out = rng.choice(parts)
        searched = [part for part in rng.sample(domain.spots, 3) if possible or part != left_out]
        return {
            "listing": ", ".join(parts),
            "searched": ", ".join(searched),
            "obstacle": "" if possible else left_out,
        }
