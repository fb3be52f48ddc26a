"""LanguageModel: the rules analyst in this process, without HTTP."""

from ..domain.decision import Form, Prompt, Reply
from ..logic.decide import analyst
from ..logic.review import analyst as reviewer

NAME = "rules-analyst"


class RulesAnalyst:
    """Answers at once and costs nothing."""

    async def complete(self, prompt: Prompt) -> Reply:
        if prompt.form is Form.POST_MORTEM:
            return Reply(text=reviewer.answer(prompt.user), model=NAME)
        return Reply(text=analyst.answer(prompt.system, prompt.user), model=NAME)

    async def close(self) -> None:
        """Nothing is held."""
