"""The upstream end: speaks HTTP and Server-Sent Events with OpticOdds."""
