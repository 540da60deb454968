package jdk.internal.crac.mirror.impl;

/** An open file that keeps a checkpoint from being taken. Never thrown itself. */
public class CheckpointOpenFileException extends CheckpointOpenResourceException {
  private static final long serialVersionUID = 1L;

  public CheckpointOpenFileException(String details, Throwable cause) {
    super(details, cause);
  }
}
