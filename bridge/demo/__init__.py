"""An embedded Apache Kafka, and the guided run that shows the bridge at work."""
