"""What was written down, as passages that can be searched."""

from collections.abc import Iterator

from ...domain.learning import Passage, PassageKind, PostMortem, SemanticRule
from ...domain.ledger import Entry, Learned

KINDS = ("LessonLearned", "RuleFormed", "PostMortemWritten")


def passages(entry: Entry) -> Iterator[Passage]:
    """Of an insight and its lesson, a rule or a post-mortem."""
    at = entry.fact.at
    match entry.subject:
        case Learned(experience, lesson):
            text = f"{experience.insight} {lesson.verdict}: {lesson.text}".strip()
            yield Passage(experience.id, experience.id, PassageKind.INSIGHT, at, text)
        case SemanticRule() as rule:
            word = f"{rule.kind.upper()} ({rule.status})"
            yield Passage(rule.id, rule.pattern, PassageKind.RULE, at, f"{word} {rule.pattern}: {rule.text}")
        case PostMortem() as one:
            text = f"{one.verdict}. Expected: {one.expected} Actual: {one.actual} Lesson: {one.lesson}"
            yield Passage(one.id, one.id, PassageKind.POST_MORTEM, at, text)
