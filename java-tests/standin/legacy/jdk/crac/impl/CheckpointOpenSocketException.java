package jdk.crac.impl;

/** An open socket that keeps a checkpoint from being taken. Never thrown itself. */
public class CheckpointOpenSocketException extends CheckpointOpenResourceException {
  private static final long serialVersionUID = 1L;

  public CheckpointOpenSocketException(String details) {
    super(details);
  }
}
