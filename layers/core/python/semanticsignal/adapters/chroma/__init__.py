"""Memory on a Chroma server; and memory that finds with it and believes the ledger."""

from .following import FollowingMemory as FollowingMemory
from .store import ChromaMemory as ChromaMemory
