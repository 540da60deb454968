package org.eclipse.openj9.criu;

/** The JVM, or a hook, failed before the checkpoint. */
public final class JVMCheckpointException extends JVMCRIUException {
  public JVMCheckpointException(String message, int errorCode) {
    super(message, errorCode);
  }

  public JVMCheckpointException(String message, int errorCode, Throwable cause) {
    super(message, errorCode, cause);
  }
}
