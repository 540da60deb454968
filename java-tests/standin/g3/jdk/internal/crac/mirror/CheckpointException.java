package jdk.internal.crac.mirror;

/** A checkpoint that failed. Says nothing itself: everything is in its suppressed exceptions. */
public final class CheckpointException extends Exception {
  private static final long serialVersionUID = 1L;

  public CheckpointException() {
    super(null, null, true, false);
  }
}
