package jdk.internal.crac.mirror.impl;

/** An open socket that keeps a checkpoint from being taken. Never thrown itself. */
public class CheckpointOpenSocketException extends CheckpointOpenResourceException {
  private static final long serialVersionUID = 1L;

  public CheckpointOpenSocketException(String details, Throwable cause) {
    super(details, cause);
  }
}
