package jdk.crac;

/** A restore failed; the cause says why. */
public class RestoreException extends Exception {
  public RestoreException() {
    super("Default RestoreException");
  }

  public RestoreException(Throwable cause) {
    super("Default RestoreException", cause);
  }
}
