"""States of a prediction, with the contract's words.

    Pending -> Processing -> Succeeded | Failed     a prediction that no replica has begun is Pending again

What is Processing when its runner is killed is made again from the beginning: whoever asks for a prediction
wants a result, and nobody knows how far it had come.
"""

PENDING, PROCESSING, SUCCEEDED, FAILED = "Pending", "Processing", "Succeeded", "Failed"
