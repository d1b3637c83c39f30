"""Errors that end a training run without a new model. Each has an exit code.

RecsvcError
└── TrainingError
    ├── InputUnreadable  2  the command or its files cannot be read, or too many rows are bad
    └── NotPublishable   3  the input is readable, but the model must not be published
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
