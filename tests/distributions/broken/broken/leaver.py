import sys

sys.exit("the crew has left")
