package org.eclipse.openj9.criu;

/** The system failed while restoring. */
public final class SystemRestoreException extends JVMCRIUException {
  public SystemRestoreException(String message, int errorCode) {
    super(message, errorCode);
  }

  public SystemRestoreException(String message, int errorCode, Throwable cause) {
    super(message, errorCode, cause);
  }
}
