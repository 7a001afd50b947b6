"""What LightGBM says becomes log records; by itself it prints to standard output, where a command's result goes."""

from __future__ import annotations

import logging

import lightgbm

log = logging.getLogger("lightgbm")


class _Spoken:
    """Takes what LightGBM's two languages say: its C++ part calls `info` for everything, warnings included."""

    def info(self, text: str) -> None:
        """Log a line of the C++ part by the level that it begins with, or one of the Python part."""
        log.log(logging.WARNING if "[Warning]" in text or "[Fatal]" in text else logging.INFO, text.strip())

    def warning(self, text: str) -> None:
        """Log a warning of the Python part."""
        log.warning(text.strip())


def listen_to_lightgbm() -> None:
    """Send what LightGBM says in this process to the logger `lightgbm`; a second call changes nothing."""
    lightgbm.register_logger(_Spoken())
