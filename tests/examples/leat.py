"""leat.py - an example: libleat from Python by ctypes. Recompresses a file, which appears whole or not at all.

    python3 leat.py IN.gz OUT.zst"""
import ctypes
import os
import sys

lib = ctypes.CDLL(os.environ.get("LEAT_LIBRARY", "libleat.so.0"))
pointer = ctypes.c_void_p
lib.leat_registry_new.restype = pointer
lib.leat_registry_free.argtypes = [pointer]
lib.leat_pipeline_from_words.argtypes = [pointer, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char_p), pointer, pointer, pointer]
lib.leat_pipeline_run.argtypes = [pointer]
lib.leat_pipeline_error.argtypes = [pointer]
lib.leat_pipeline_error.restype = pointer
lib.leat_pipeline_unref.argtypes = [pointer]
lib.leat_error_format.argtypes = [pointer, pointer, ctypes.c_size_t]
lib.leat_error_format.restype = None


def run(words):
    """Runs the pipeline. Words are not split again. ctypes releases the lock of the interpreter meanwhile."""
    array = (ctypes.c_char_p * len(words))(*map(os.fsencode, words))
    error = ctypes.create_string_buffer(4096)  # a struct leat_error, which is smaller, but begins with this size
    ctypes.c_size_t.from_buffer(error).value = len(error)
    line = ctypes.create_string_buffer(1024)
    registry, pipeline = lib.leat_registry_new(), pointer()
    if lib.leat_pipeline_from_words(registry, len(words), array, None, ctypes.byref(pipeline), error) < 0:
        lib.leat_error_format(error, line, len(line))
    elif lib.leat_pipeline_run(pipeline) < 0:
        lib.leat_error_format(lib.leat_pipeline_error(pipeline), line, len(line))
    lib.leat_pipeline_unref(pipeline)
    lib.leat_registry_free(registry)
    if line.value:
        raise RuntimeError(line.value.decode())


try:
    run(["read", "--", sys.argv[1], ":", "gunzip", ":", "zstd", "-3", ":", "write", "--", sys.argv[2]])
except RuntimeError as error:
    sys.exit(f"leat.py: {error}")
