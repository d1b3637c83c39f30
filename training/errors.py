"""Why a training run ends without a new model. Each knows its exit code.

RecsvcError
└── TrainingError
    ├── InputUnreadable  2  the command or its files cannot be read, or too many rows are bad
    └── NotPublishable   3  the input is readable, but must not become the model in use
"""

from recsvc.domain.errors import RecsvcError


class TrainingError(RecsvcError):
    exit_code = 2
    code = "training_error"


class InputUnreadable(TrainingError):
    exit_code = 2
    code = "input_unreadable"


class NotPublishable(TrainingError):
    exit_code = 3
    code = "not_publishable"
