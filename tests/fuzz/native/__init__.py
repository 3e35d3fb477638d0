"""Harnesses of the C++ kernels for libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer.

Each ``*.cpp`` here is one; :mod:`fuzz.native.seeds` may give it inputs to start from. ``make fuzz-native``.
"""
