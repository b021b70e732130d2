"""Weights, adapters and precision behind one protocol."""

import logging
import warnings

# Loaded by PEFT and transformers where it is installed, it remarks on optional kernels and on every
# layer of every pass.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
# PEFT asks transformers under an older name.
warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
