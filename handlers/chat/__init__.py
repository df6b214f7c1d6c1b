"""What the bridge does when somebody says, presses or sends something in the chat."""
