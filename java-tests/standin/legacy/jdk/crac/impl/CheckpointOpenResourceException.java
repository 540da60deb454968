package jdk.crac.impl;

/** An open resource that keeps a checkpoint from being taken. Never thrown itself. */
public class CheckpointOpenResourceException extends Exception {
  private static final long serialVersionUID = 1L;

  public CheckpointOpenResourceException(String details) {
    super(details);
  }
}
