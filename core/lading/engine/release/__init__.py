"""One release of one service: brought up, asked, restored, rolled back."""
