raise ImportError("libcrane.so.3 is missing")
