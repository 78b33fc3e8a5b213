import sys

sys.exit("the plugin has ended")
