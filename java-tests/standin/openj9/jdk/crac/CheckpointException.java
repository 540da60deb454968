package jdk.crac;

/** A checkpoint failed; the cause says why. */
public class CheckpointException extends Exception {
  public CheckpointException() {
    super("Default CheckpointException");
  }

  public CheckpointException(Throwable cause) {
    super("Default CheckpointException", cause);
  }
}
