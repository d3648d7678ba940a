"""What the pages draw from: the picture of the fleet, the live stream, who asks and what they may."""
