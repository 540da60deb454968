package openj9.internal.criu;

/** The system, which is criu as a rule, failed to take the checkpoint. */
public final class SystemCheckpointException extends JVMCRIUException {
  public SystemCheckpointException(String message, int errorCode) {
    super(message, errorCode);
  }

  public SystemCheckpointException(String message, int errorCode, Throwable cause) {
    super(message, errorCode, cause);
  }
}
