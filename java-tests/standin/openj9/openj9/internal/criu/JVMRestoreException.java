package openj9.internal.criu;

/** The JVM, or a hook, failed after the restore. */
public final class JVMRestoreException extends JVMCRIUException {
  public JVMRestoreException(String message, int errorCode) {
    super(message, errorCode);
  }

  public JVMRestoreException(String message, int errorCode, Throwable cause) {
    super(message, errorCode, cause);
  }
}
