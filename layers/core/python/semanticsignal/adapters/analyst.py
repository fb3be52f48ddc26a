"""LanguageModel: the rules analyst in this process, without HTTP."""

from ..domain.decision import Prompt, Reply
from ..logic.decide import analyst

NAME = "rules-analyst"


class RulesAnalyst:
    """Answers at once and costs nothing."""

    async def complete(self, prompt: Prompt) -> Reply:
        return Reply(text=analyst.answer(prompt.system, prompt.user), model=NAME)

    async def close(self) -> None:
        """Nothing is held."""
