raise ImportError("libplugin.so.3 is missing")
