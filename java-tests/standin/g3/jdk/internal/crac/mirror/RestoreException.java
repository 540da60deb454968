package jdk.internal.crac.mirror;

/** Resources that failed after a restore, as suppressed exceptions. */
public final class RestoreException extends Exception {
  private static final long serialVersionUID = 1L;

  public RestoreException() {
    super(null, null, true, false);
  }
}
