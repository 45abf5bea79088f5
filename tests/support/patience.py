"""How long a test waits for what must happen.

What happens ends the wait, so patience costs nothing on a good day, and a machine that does ten
other things is no defect. Figures with tight bounds belong to the proofs (`make prove`).
"""

PATIENCE_S = 120.0
