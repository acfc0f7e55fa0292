"""Lines: how requests reach a Modbus unit and answers come back."""
